from swift_demucs.separate import command

if __name__ == "__main__":
    command()
