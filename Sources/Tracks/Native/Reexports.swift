// The types of Signal that appear in the interface.

@_exported import enum Signal.ClipMode
@_exported import enum Signal.Downmix
@_exported import enum Signal.IntegerRounding
@_exported import struct Signal.MP3Settings
@_exported import struct Signal.OutputFormat
@_exported import struct Signal.PlanarAudio
@_exported import enum Signal.SampleFormat
