from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.separate import *
from swift_demucs.separate import command

if __name__ == "__main__":
    command()
