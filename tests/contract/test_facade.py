"""The import names and signatures that the library reference lists are there, and cost little to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from signal import SIGTERM
from socket import AF_INET, SOCK_STREAM
from typing import Any, Final

import pytest

MODULES: Final = {
    "circus": "__version__ logger get_arbiter ArbiterHandler",
    "circus.arbiter": "Arbiter ThreadedArbiter",
    "circus.client": "CircusClient AsyncCircusClient make_message cast_message make_json",
    "circus.consumer": "CircusConsumer",
    "circus.circusctl": "main CircusCtl ControllerApp USAGE VERSION parse_arguments prettify",
    "circus.circusd": "main",
    "circus.commands": "get_commands ok error",
    "circus.commands.base": "Command ok error",
    "circus.commands.errors": "NOT_SPECIFIED INVALID_JSON UNKNOWN_COMMAND MESSAGE_ERROR OS_ERROR COMMAND_ERROR"
    " BAD_MSG_DATA_ERROR",
    "circus.commands.util": "convert_option validate_option",
    "circus.config": "get_config read_config rlimit_value watcher_defaults DefaultConfigParser",
    "circus.controller": "Controller",
    "circus.exc": "AlreadyExist MessageError CallError ArgumentError ConflictError",
    "circus.fixed_threading": "Thread RLock Timer get_ident",
    "circus.green": "get_arbiter",
    "circus.green.arbiter": "Arbiter",
    "circus.green.client": "CircusClient",
    "circus.green.consumer": "CircusConsumer",
    "circus.green.controller": "Controller",
    "circus.green.sighandler": "SysHandler",
    "circus.pidfile": "Pidfile",
    "circus.plugins": "CircusPlugin get_plugin_cmd main",
    "circus.plugins._statsd": "StatsdEmitter",
    "circus.plugins.command_reloader": "CommandReloader",
    "circus.plugins.flapping": "Flapping",
    "circus.plugins.http_observer": "HttpObserver",
    "circus.plugins.redis_observer": "RedisObserver",
    "circus.plugins.resource_watcher": "ResourceWatcher",
    "circus.plugins.statsd": "StatsdEmitter BaseObserver FullStats StatsdClient",
    "circus.plugins.watchdog": "WatchDog",
    "circus.process": "Process RUNNING DEAD_OR_ZOMBIE UNEXISTING OTHER IS_WINDOWS",
    "circus.sighandler": "SysHandler SIGNALS",
    "circus.sockets": "CircusSocket CircusSockets",
    "circus.stats": "main",
    "circus.stats.client": "StatsClient main",
    "circus.stats.collector": "WatcherStatsCollector SocketStatsCollector",
    "circus.stats.publisher": "StatsPublisher",
    "circus.stats.streamer": "StatsStreamer",
    "circus.stream": "FileStream WatchedFileStream TimedRotatingFileStream QueueStream StdoutStream FancyStdoutStream"
    " Redirector get_stream Queue Empty",
    "circus.stream.file_stream": "FileStream WatchedFileStream TimedRotatingFileStream",
    "circus.stream.redirector": "Redirector",
    "circus.util": "DEFAULT_ENDPOINT_DEALER DEFAULT_ENDPOINT_SUB DEFAULT_ENDPOINT_STATS DEFAULT_ENDPOINT_MULTICAST"
    " get_info to_bool to_signum to_uid to_gid to_str to_bytes bytes2human human2bytes replace_gnu_args parse_env_str"
    " parse_env_dict env_to_str convert_opt resolve_name configure_logger get_connection create_udp_socket"
    " tornado_sleep synchronized debuglog DictDiffer load_virtualenv get_working_dir get_python_version close_on_exec"
    " AsyncPeriodicCallback TransformableFuture IS_WINDOWS LOG_LEVELS MAXFD REDIRECT_TO",
    "circus.watcher": "Watcher",
    "circus.web.circushttpd": "app main",
    "circus.web.controller": "Controller",
    "circus.web.namespace": "StatsNamespace",
    "circus.web.server": "serve",
    "circus.web.session": "Session Sessions",
    "circusweb.circushttpd": "app main",
}
NAMES: Final = [(module, name) for module, names in MODULES.items() for name in names.split()]

REQUIRED: Final = inspect.Parameter.empty
Parameters = dict[str, Any]

SIGNATURES: Final[dict[str, Parameters]] = {
    "circus:get_arbiter": {
        "watchers": REQUIRED,
        **dict.fromkeys(["controller", "pubsub_endpoint"]),
        "statsd": False,
        "stats_endpoint": None,
        "statsd_close_outputs": False,
        **dict.fromkeys(["multicast_endpoint", "env", "name", "context"]),
        "background": False,
        "stream_backend": "thread",
        "httpd": False,
        "plugins": None,
        "debug": False,
        "proc_name": "circusd",
        "loop": None,
        "check_delay": 1.0,
        "**": "kw",
    },
    "circus.arbiter:Arbiter": {
        **dict.fromkeys(["watchers", "endpoint", "pubsub_endpoint"], REQUIRED),
        "check_delay": 1.0,
        **dict.fromkeys(["prereload_fn", "context", "loop"]),
        "statsd": False,
        "stats_endpoint": None,
        "statsd_close_outputs": False,
        **dict.fromkeys(["multicast_endpoint", "plugins", "sockets"]),
        "warmup_delay": 0,
        "httpd": False,
        "httpd_host": "localhost",
        "httpd_port": 8080,
        "httpd_close_outputs": False,
        "debug": False,
        "debug_gc": False,
        "ssh_server": None,
        "proc_name": "circusd",
        **dict.fromkeys(["pidfile", "loglevel", "logoutput", "loggerconfig", "fqdn_prefix", "umask", "endpoint_owner"]),
        "**": "old_options",
    },
    "circus.watcher:Watcher": {
        "name": REQUIRED,
        "cmd": REQUIRED,
        "args": None,
        "numprocesses": 1,
        "warmup_delay": 0.0,
        "working_dir": None,
        "shell": False,
        "shell_args": None,
        "uid": None,
        "max_retry": 5,
        "gid": None,
        "send_hup": False,
        "stop_signal": SIGTERM,
        "stop_children": False,
        "env": None,
        "graceful_timeout": 30.0,
        **dict.fromkeys(["prereload_fn", "rlimits", "executable", "stdout_stream", "stderr_stream"]),
        "priority": 0,
        "loop": None,
        **dict.fromkeys(["singleton", "use_sockets", "copy_env", "copy_path"], False),
        "max_age": 0,
        "max_age_variance": 30,
        "hooks": None,
        "respawn": True,
        "autostart": True,
        "on_demand": False,
        "virtualenv": None,
        "stdin_socket": None,
        "close_child_stdin": True,
        "close_child_stdout": False,
        "close_child_stderr": False,
        "virtualenv_py_ver": None,
        "**": "options",
    },
    "circus.process:Process": {
        "name": REQUIRED,
        "wid": REQUIRED,
        "cmd": None,  # the documented example has two arguments, name and command
        **dict.fromkeys(["args", "working_dir"]),
        "shell": False,
        **dict.fromkeys(["uid", "gid", "env", "rlimits", "executable"]),
        "use_fds": False,
        "watcher": None,
        **dict.fromkeys(["spawn", "pipe_stdout", "pipe_stderr", "close_child_stdin"], True),
        **dict.fromkeys(["close_child_stdout", "close_child_stderr"], False),
    },
    "circus.client:CircusClient": {
        "context": None,
        "endpoint": "tcp://127.0.0.1:5555",
        "timeout": 5.0,
        "ssh_server": None,
        "ssh_keyfile": None,
    },
    "circus.client:AsyncCircusClient": {
        "context": None,
        "endpoint": "tcp://127.0.0.1:5555",
        "timeout": 5.0,
        "ssh_server": None,
        "ssh_keyfile": None,
    },
    "circus.consumer:CircusConsumer": {
        "topics": REQUIRED,
        "context": None,
        "endpoint": "tcp://127.0.0.1:5556",
        "ssh_server": None,
        "timeout": 1.0,
    },
    "circus.stats.client:StatsClient": {"endpoint": "tcp://127.0.0.1:5557", "ssh_server": None, "context": None},
    "circus.stats.publisher:StatsPublisher": {"stats_endpoint": "tcp://127.0.0.1:5557", "context": None},
    "circus.stats.streamer:StatsStreamer": {
        **dict.fromkeys(["endpoint", "pubsub_endoint", "stats_endpoint"], REQUIRED),
        "ssh_server": None,
        "delay": 1.0,
        "loop": None,
    },
    "circus.plugins:CircusPlugin": {
        **dict.fromkeys(["endpoint", "pubsub_endpoint", "check_delay"], REQUIRED),
        "ssh_server": None,
        "**": "config",
    },
    "circus.plugins:get_plugin_cmd": {
        **dict.fromkeys(["config", "endpoint", "pubsub", "check_delay", "ssh_server"], REQUIRED),
        "debug": False,
        "loglevel": None,
        "logoutput": None,
    },
    "circus.plugins.statsd:StatsdClient": {"host": None, "port": None, "prefix": None, "sample_rate": 1},
    "circus.circusctl:parse_arguments": {"args": REQUIRED, "commands": REQUIRED},
    "circus.circusctl:prettify": {"jsonobj": REQUIRED, "prettify": True},
    "circus.circusctl:ControllerApp": {"commands": REQUIRED, "client": None},
    "circus.client:make_message": {"command": REQUIRED, "**": "props"},
    "circus.client:make_json": {"command": REQUIRED, "**": "props"},
    "circus.sockets:CircusSocket": {
        "name": "",
        "host": "localhost",
        "port": 8080,
        "family": AF_INET,
        "type": SOCK_STREAM,
        "proto": 0,
        "backlog": 2048,
        "path": None,
        "umask": None,
        "replace": False,
        "interface": None,
        "so_reuseport": False,
        "blocking": False,
    },
    "circus.sockets:CircusSockets": {"sockets": None, "backlog": 2048},
    "circus.stream:get_stream": {"conf": REQUIRED, "reload": False},
    "circus.stream.redirector:Redirector": {
        "stdout_redirect": REQUIRED,
        "stderr_redirect": REQUIRED,
        "buffer": 1024,
        "loop": None,
    },
    "circus.util:get_info": {"process": None, "interval": 0, "with_childs": False},
    "circus.util:replace_gnu_args": {"data": REQUIRED, "prefix": "circus", "**": "options"},
    "circus.util:resolve_name": {"import_name": REQUIRED, "silent": False, "reload": False},
    "circus.controller:Controller": {
        **dict.fromkeys(["endpoint", "multicast_endpoint", "context", "loop", "arbiter"], REQUIRED),
        "check_delay": 1.0,
        "endpoint_owner": None,
    },
    "circus.sighandler:SysHandler": {"controller": REQUIRED},
    "circus.pidfile:Pidfile": {"fname": REQUIRED},
    "circus.arbiter:Arbiter.load_from_config": {"config_file": REQUIRED, "loop": None},
    "circus.arbiter:Arbiter.start": {"self": REQUIRED, "cb": None},
    "circus.arbiter:Arbiter.restart": {"self": REQUIRED, "inside_circusd": False, "watcher_iter_func": None},
    "circus.arbiter:Arbiter.reload": {"self": REQUIRED, "graceful": True, "sequential": False},
    "circus.arbiter:Arbiter.start_watchers": {"self": REQUIRED, "watcher_iter_func": None},
    "circus.arbiter:Arbiter.stop_watchers": {"self": REQUIRED, "watcher_iter_func": None},
    "circus.arbiter:Arbiter.reload_from_config": {"self": REQUIRED, "config_file": None, "inside_circusd": False},
    "circus.arbiter:Arbiter.add_watcher": {"self": REQUIRED, "name": REQUIRED, "cmd": REQUIRED, "**": "kw"},
    "circus.arbiter:Arbiter.rm_watcher": {"self": REQUIRED, "name": REQUIRED, "nostop": False},
    "circus.arbiter:Arbiter.iter_watchers": {"self": REQUIRED, "reverse": True},
    "circus.watcher:Watcher.load_from_config": {"config": REQUIRED},
    "circus.watcher:Watcher.initialize": dict.fromkeys(["self", "evpub_socket", "sockets", "arbiter"], REQUIRED),
    "circus.watcher:Watcher.notify_event": dict.fromkeys(["self", "topic", "msg"], REQUIRED),
    "circus.watcher:Watcher.call_hook": {"self": REQUIRED, "hook_name": REQUIRED, "**": "kwargs"},
    "circus.watcher:Watcher.reload": {"self": REQUIRED, "graceful": True, "sequential": False},
    "circus.watcher:Watcher.incr": {"self": REQUIRED, "nb": 1},
    "circus.watcher:Watcher.decr": {"self": REQUIRED, "nb": 1},
    "circus.watcher:Watcher.spawn_process": {"self": REQUIRED, "recovery_wid": None},
    "circus.watcher:Watcher.reap_process": {"self": REQUIRED, "pid": REQUIRED, "status": None},
    "circus.watcher:Watcher.kill_process": {
        "self": REQUIRED,
        "process": REQUIRED,
        "stop_signal": None,
        "graceful_timeout": None,
    },
    "circus.watcher:Watcher.send_signal": dict.fromkeys(["self", "pid", "signum"], REQUIRED),
    "circus.watcher:Watcher.send_signal_process": {
        **dict.fromkeys(["self", "process", "signum"], REQUIRED),
        "recursive": False,
    },
    "circus.watcher:Watcher.send_signal_child": dict.fromkeys(["self", "pid", "child_id", "signum"], REQUIRED),
    "circus.watcher:Watcher.send_signal_children": {
        **dict.fromkeys(["self", "pid", "signum"], REQUIRED),
        "recursive": False,
    },
    "circus.watcher:Watcher.info": {"self": REQUIRED, "extended": False},
    "circus.watcher:Watcher.process_info": {"self": REQUIRED, "pid": REQUIRED, "extended": False},
    "circus.watcher:Watcher.set_opt": dict.fromkeys(["self", "key", "val"], REQUIRED),
    "circus.process:Process.wait": {"self": REQUIRED, "timeout": None},
    "circus.process:Process.send_signal": dict.fromkeys(["self", "sig"], REQUIRED),
    "circus.process:Process.send_signal_child": dict.fromkeys(["self", "pid", "signum"], REQUIRED),
    "circus.process:Process.send_signal_children": {"self": REQUIRED, "signum": REQUIRED, "recursive": False},
    "circus.process:Process.children": {"self": REQUIRED, "recursive": False},
    "circus.process:Process.is_child": dict.fromkeys(["self", "pid"], REQUIRED),
    "circus.process:Process.format_args": {"self": REQUIRED, "sockets_fds": None},
}

MEMBERS: Final = {
    "circus.arbiter:Arbiter": "load_from_config start stop restart reload start_watchers stop_watchers manage_watchers"
    " reload_from_config start_watcher reap_processes add_watcher rm_watcher get_watcher numprocesses numwatchers"
    " statuses iter_watchers get_socket initialize get_watcher_config get_plugin_config get_arbiter_config",
    "circus.watcher:Watcher": "load_from_config initialize notify_event call_hook start stop restart reload incr decr"
    " set_numprocesses do_action spawn_processes spawn_process manage_processes reap_processes reap_process"
    " reap_and_manage_processes remove_expired_processes kill_process kill_processes send_signal send_signal_process"
    " send_signal_child send_signal_children status is_active is_stopped is_stopping get_active_processes"
    " get_active_pids info process_info options set_opt",
    "circus.process:Process": "pid stdout stderr status spawn stop poll is_alive wait returncode send_signal"
    " send_signal_child send_signal_children children is_child age info format_args close_output_channels",
    "circus.sockets:CircusSocket": "bind_and_listen close load_from_config location",
    "circus.sockets:CircusSockets": "add close_all bind_and_listen_all",
    "circus.stream:Redirector": "start stop add_redirections remove_redirections change_stream get_stream",
    "circus.pidfile:Pidfile": "create unlink validate rename",
    "circus.commands.base:Command": "name msg_type options properties waiting message execute validate console_msg"
    " console_error make_message _get_watcher",
    "circus.client:CircusClient": "send_message call stop",
    "circus.client:AsyncCircusClient": "send_message call stop",
    "circus.consumer:CircusConsumer": "iter_messages stop __iter__ __enter__ __exit__",
    "circus.plugins:CircusPlugin": "name start stop call cast handle_recv handle_init handle_stop split_data"
    " load_message",
    "circus.plugins.statsd:StatsdClient": "send decrement increment gauge timed stop",
}

ATTRIBUTES: Final = {
    "arbiter": "watchers endpoint pubsub_endpoint stats_endpoint multicast_endpoint check_delay sockets evpub_socket"
    " context loop ctrl pid fqdn running config_file warmup_delay prereload_fn socket_event pidfile loglevel logoutput"
    " umask statsd debug endpoint_owner_mode",
    "watcher": "name res_name cmd args numprocesses processes env hooks ignore_hook_failure rlimits sockets arbiter"
    " optnames _options stdout_stream stderr_stream stdout_stream_conf stderr_stream_conf stream_redirector"
    " graceful_timeout max_retry priority singleton respawn autostart on_demand use_sockets uid gid working_dir"
    " warmup_delay max_age stop_signal stop_children send_hup evpub_socket loop",
    "process": "pid stdout stderr status started wid env watcher",
}


def named(path: str) -> Any:
    """Return what ``module:name.name`` names."""
    module, _, names = path.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_name_can_be_imported(module: str, name: str) -> None:
    found = import_module(module)
    assert hasattr(found, name)
    assert name in found.__all__


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature_is_the_documented_one(path: str) -> None:
    found: Parameters = {}
    for parameter in inspect.signature(named(path)).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found["**"] = parameter.name
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            assert parameter.default is not REQUIRED, "what is ours besides must be optional"
        else:
            assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            found[parameter.name] = parameter.default
    assert list(found.items()) == list(SIGNATURES[path].items())


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in MEMBERS.items() for name in names.split()])
def test_class_has_the_documented_member(path: str, name: str) -> None:
    assert hasattr(named(path), name)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in ATTRIBUTES.items() for name in names.split()]
)
def test_object_has_the_documented_attribute(kind: str, name: str) -> None:
    watcher = named("circus.watcher:Watcher")("w", "sleep 1")
    process = named("circus.process:Process")("p", 1, "sleep 1", spawn=False)
    arbiter = named("circus.arbiter:Arbiter")([watcher], "ipc:///tmp/circus-a", "ipc:///tmp/circus-b", loop=object())
    assert hasattr({"arbiter": arbiter, "watcher": watcher, "process": process}[kind], name)
    arbiter.context.destroy()


@pytest.mark.parametrize("module", ["circus", "circus.util"])
def test_import_of_the_facade_costs_little(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"asyncio", "tornado", "zmq", "psutil", "circus_core.arbiter"} & set(done.stdout.split())


def test_facade_says_what_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="module 'circus' has no attribute 'nothing'"):
        named("circus:nothing")
