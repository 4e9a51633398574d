import Program
import System

exit(runCommand())
