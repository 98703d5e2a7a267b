"""durable in a simulated, hostile world: by a seed, deterministic, and in no real time. See world.py.

What decides and what is written is durable's own: losses.py, reconcile.py, claiming.py, run_history.py, records.py and
the end of a lease. Prefect is a small model (prefect_model.py), which a test compares with a real Prefect server.
"""
