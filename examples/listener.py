"""Print every event of a daemon.

circusd examples/example1.ini
python examples/listener.py     # in another shell
"""

import json

from circus.consumer import CircusConsumer

PUBSUB_ENDPOINT = "tcp://127.0.0.1:5556"


def main() -> None:
    with CircusConsumer(["watcher."], endpoint=PUBSUB_ENDPOINT) as consumer:
        for topic, message in consumer:
            print(topic.decode(), json.loads(message), flush=True)


if __name__ == "__main__":
    main()
