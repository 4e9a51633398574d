// `import Demucs` is all that a user of the library writes: the modules whose types appear in its
// interface come along.

@_exported import Audio
@_exported import HTDemucs
@_exported import ModelZoo
@_exported import WeightsLoader

@_exported import enum Tensor.Precision
