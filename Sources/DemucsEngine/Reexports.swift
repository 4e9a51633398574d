// `import DemucsEngine` is enough for a user of the library: it exports all of ModelZoo and Tracks, and
// of other modules the types that appear in the interface.

@_exported import ModelZoo
@_exported import Tracks

@_exported import enum Networks.ConfigurationError
@_exported import protocol System.CausedError
@_exported import enum System.ErrorCause
@_exported import struct System.SystemError
@_exported import enum Tensor.BackendError
@_exported import enum Tensor.Precision
@_exported import enum WeightsLoader.CheckpointFormat
@_exported import enum WeightsLoader.ElementType
@_exported import enum WeightsLoader.WeightsError
