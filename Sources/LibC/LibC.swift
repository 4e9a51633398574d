// The C library under one name, wherever this is built: `import LibC` gives all of it, and the calls
// of CPlatform.

@_exported import CPlatform

#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Darwin)
    @_exported import Darwin
#endif
