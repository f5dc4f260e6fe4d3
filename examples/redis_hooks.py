"""Hooks that wait for Redis; ``redis.ini`` names them."""

import time

import redis

HOST = "localhost"
PORT = 6379


def check_redis(*args, **kw):
    """Let a watcher start only when Redis answers."""
    time.sleep(0.5)  # give it a chance to start
    r = redis.StrictRedis(host=HOST, port=PORT, db=0, decode_responses=True)
    r.set("foo", "bar")
    return r.get("foo") == "bar"


def note_pid(watcher, arbiter, hook_name, pid, **kw):
    """Tell the next process of the watcher who was spawned before it, and who Redis is."""
    process = watcher.processes[pid]
    watcher.env["PREVIOUS_WID"] = str(process.wid)
    watcher.env["REDIS_PID"] = str(arbiter.get_watcher("redis").pids[0])
    return True
