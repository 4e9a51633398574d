import CLI
import System

exit(runCommand())
