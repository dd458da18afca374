"""Room 3: candidates, rules, PubGrub, explanations. Pure; sees the world through one Protocol (``source``)."""
