"""What requirements state, and a job may be ended for: the bits of the column ``resource_requirements.limits``."""

LIMITS_MEMORY = 1
LIMITS_RUNTIME = 2
