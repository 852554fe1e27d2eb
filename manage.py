#!/usr/bin/env python
"""Django's command line for Avow."""

import os
import sys

from django.core.management import execute_from_command_line

# Commands that need a key act as the process that holds it; everything else holds none.
ROLE_OF_COMMAND = {"inspect": "inspector", "bootstrap": "setup", "keys": "setup"}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
    if len(sys.argv) > 1 and sys.argv[1] in ROLE_OF_COMMAND:
        os.environ.setdefault("AVOW_ROLE", ROLE_OF_COMMAND[sys.argv[1]])
    execute_from_command_line(sys.argv)
