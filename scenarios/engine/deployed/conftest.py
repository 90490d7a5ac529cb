"""Leave nothing compiled behind: a file that is saved twice in a second must run as it is now."""

import sys

sys.dont_write_bytecode = True
