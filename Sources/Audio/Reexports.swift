// The interface of this module has types of the engine.

@_exported import DemucsEngine
