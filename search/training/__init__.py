"""One trial: build the network, check it, train it, save it, record it."""
