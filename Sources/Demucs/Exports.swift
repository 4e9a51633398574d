// `import Demucs` is enough for a user of the library: it exports all of Audio, ModelZoo and Tracks, and
// of other modules the types that appear in the interface.

@_exported import Audio
@_exported import ModelZoo
@_exported import Tracks

@_exported import enum HTDemucs.ConfigurationError
@_exported import enum Tensor.Precision
@_exported import enum WeightsLoader.WeightsError
