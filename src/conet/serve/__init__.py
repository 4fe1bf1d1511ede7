"""The page: see the web grow and read the rollouts of any run, while it trains (extra [microscope])."""
