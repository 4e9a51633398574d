// `import Demucs` is enough for a user of the library: it exports Audio and all that DemucsEngine does.

@_exported import Audio
@_exported import DemucsEngine
