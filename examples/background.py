"""Run an arbiter in a thread of its own, beside a program without an event loop.

python examples/background.py
"""

from circus import get_arbiter

ENDPOINT = "tcp://127.0.0.1:5555"
PUBSUB_ENDPOINT = "tcp://127.0.0.1:5556"


def main() -> None:
    arbiter = get_arbiter(
        [{"name": "worker", "cmd": "sleep 3600"}],
        controller=ENDPOINT,
        pubsub_endpoint=PUBSUB_ENDPOINT,
        background=True,
    )
    arbiter.start()
    try:
        worker = arbiter.get_watcher("worker")
        print(worker.status(), "with", worker.incr().result(), "processes")
    finally:
        arbiter.stop()


if __name__ == "__main__":
    main()
