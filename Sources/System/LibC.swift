// Also Embedded Swift: typed throws, no key paths, no casts.
// The C library under one name on every platform: `import System` imports it, with the calls of
// CPlatform.

@_exported import CPlatform

#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Darwin)
    @_exported import Darwin
#endif
