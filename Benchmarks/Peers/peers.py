"""Measures one peer: `peers.py PEER PROBE SIZE` prints one line of JSON, either {"values": {metric: figure}} or {"none": true} if the peer
has no such thing. `peers.py versions` prints the versions of all.

Workers that are not forked import this module again, so it imports nothing else: what a worker's start costs is to be the pool's doing.
"""

if __name__ == "__main__":
    import probes

    probes.main()
