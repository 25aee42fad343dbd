"""The proxy itself: the ladder of one execution, leases, limits, the network guard, encoding.

::

    executor          the ladder, rung by rung; execution: what is asked and what comes back
      runnables       what an action needs to run, kept ◀ compiling, plan_seals: is it what was published
      idempotency     at most once under a key;  detached: to the end though the caller left
      limits          a place in the datasource's queue
      running         at the datasource: leases ◀ opening, deadlines, edge: what a driver raises;  transactions: steps, dry runs
      staleness       does it still answer what it was published for ◀ published
      outcomes        the answer: encode, shown: what editors see, without secrets
    network           every connection of a driver ◀ addresses, network_tls
"""
