"""Run an arbiter that takes commands and publishes events until it is told to quit.

python examples/get_arbiter.py
circusctl incr myprogram        # in another shell
circusctl quit
"""

from circus import get_arbiter

ENDPOINT = "tcp://127.0.0.1:5555"
PUBSUB_ENDPOINT = "tcp://127.0.0.1:5556"


def main() -> None:
    arbiter = get_arbiter(
        {"name": "myprogram", "cmd": "sleep 3600", "numprocesses": 3},
        controller=ENDPOINT,
        pubsub_endpoint=PUBSUB_ENDPOINT,
    )
    try:
        arbiter.start(lambda future: print("started", arbiter.statuses(), flush=True))
    finally:
        arbiter.stop()


if __name__ == "__main__":
    main()
