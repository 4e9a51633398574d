// Also Embedded Swift: typed throws, no key paths, no casts.
/// The bytes of a whole file in memory: a buffer of the caller's, or a ``ReadFile``.
package class FileBytes: @unchecked Sendable {
    // @unchecked: the bytes are read-only.
    let bytes: UnsafeRawBufferPointer

    /// - Parameter bytes: may not change or be freed as long as this object lives.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package final var countBytes: Int { bytes.count }

    /// What `body` makes of the bytes of `range`, which must lie within the file.
    ///
    /// - Throws: ``WeightsError/fileUnreadable(path:reason:)`` if they can't be read, or if the file has
    ///   changed since it was opened.
    package final func read<Result>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(WeightsError) -> Result {
        let result = withBytes(range, body)
        try checkUnchanged()
        return result
    }

    /// The same without a look at what could be read: for readers that call ``checkUnchanged()`` at their end.
    final func withBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= countBytes)
        prepare(range)
        defer { withExtendedLifetime(self) { endUse() } }
        return try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// Makes sure that the bytes of `range` are in memory until ``endUse()``.
    func prepare(_ range: Range<Int>) {}

    func endUse() {}

    /// - Throws: ``WeightsError/fileUnreadable(path:reason:)`` if bytes could not be read, or if the file has
    ///   changed since it was opened.
    func checkUnchanged() throws(WeightsError) {}

    /// Tells the file that `range` will hardly be read again.
    func release(_ range: Range<Int>) {}

    /// The little-endian number at a byte offset; all its bytes must lie within the file.
    final func littleEndian<Number: FixedWidthInteger>(
        _ type: Number.Type, at offset: Int
    ) -> Number {
        withBytes(offset..<offset + Number.bitWidth / 8) {
            Number(littleEndian: $0.loadUnaligned(as: type))
        }
    }
}
