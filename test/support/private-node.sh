#!/bin/sh
# Node in a network namespace of its own, which goes away with it. Stands in for the node that runs vitest's workers.
exec unshare --net -- node "$@"
