// Also Embedded Swift: typed throws, no key paths, no casts.
// The keys and values of attention's heads, packed as the right operands of its two products.

import CKernels
import Tensor

/// The packed keys and values of one head, in memory of the caller.
struct PackedHead {
    /// Where a head's keys and values are: `[tokens, size]` each, rows `ld` floats apart.
    struct Source {
        let keys: UnsafePointer<Float>
        let values: UnsafePointer<Float>
        let ld: Int
    }

    private let form: AttentionTile.Form
    private let size: Int
    private let tokens: Int
    private let keyMemory: UnsafeMutablePointer<Float>
    private let valueMemory: UnsafeMutablePointer<Float>
    private let backend: Backend

    /// - Parameters:
    ///   - keyMemory: `floats(…).keys` elements, 64-byte aligned.
    ///   - valueMemory: `floats(…).values` elements, 64-byte aligned.
    init(
        _ form: AttentionTile.Form, size: Int, tokens: Int,
        keysIn keyMemory: UnsafeMutablePointer<Float>,
        valuesIn valueMemory: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        self.form = form
        self.size = size
        self.tokens = tokens
        self.keyMemory = keyMemory
        self.valueMemory = valueMemory
        self.backend = backend
    }

    /// Memory of a head's keys and of its values, in floats: multiples of 16, so that what follows
    /// is aligned too.
    static func floats(
        _ form: AttentionTile.Form, size: Int, tokens: Int, on backend: Backend
    ) -> (keys: Int, values: Int) {
        let head = PackedHead(
            form, size: size, tokens: tokens, keysIn: noMemory, valuesIn: noMemory, on: backend)
        return (head.keyOffsets.end, head.valueOffsets.end)
    }

    /// For sizes, which do not depend on the address.
    private static var noMemory: UnsafeMutablePointer<Float> {
        UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped
    }

    private var keyLayout: PackedLayout {
        PackedLayout(inner: size, columns: tokens, precision: backend.precisionOfFloats)
    }

    private var valueLayout: PackedLayout {
        PackedLayout(inner: tokens, columns: size, precision: backend.precisionOfFloats)
    }

    /// The first float after the packed keys of each part of their memory.
    private var keyOffsets: (scales: Int, offset: Int, end: Int) {
        guard form == .int8 else {
            let end = aligned(backend.packedFloats(keyLayout))
            return (end, end, end)
        }
        let scales = aligned(backend.packedInt8Floats(inner: size, columns: tokens))
        let offset = scales + aligned(tokens)
        return (scales, offset, offset + aligned(size))
    }

    /// The first float after the packed values of each part of their memory.
    private var valueOffsets: (scales: Int, end: Int) {
        guard form == .int8 else {
            let end = aligned(backend.packedFloats(valueLayout))
            return (end, end)
        }
        let scales = aligned(backend.packedInt8Floats(inner: tokens, columns: size))
        return (scales, scales + aligned(size))
    }

    private func aligned(_ floats: Int) -> Int { (floats + 15) / 16 * 16 }

    private var quantizedKeys: packed_matrix {
        packed_matrix(bytes: keyMemory, inner: size, columns: tokens)
    }

    private var quantizedValues: packed_matrix {
        packed_matrix(bytes: valueMemory, inner: tokens, columns: size)
    }

    var keys: PackedOperand {
        form == .int8
            ? .quantized(quantizedKeys, scales: keyMemory + keyOffsets.scales)
            : .floats(keyMemory, keyLayout)
    }

    var values: PackedOperand {
        form == .int8
            ? .quantized(quantizedValues, scales: valueMemory + valueOffsets.scales)
            : .floats(valueMemory, valueLayout)
    }

    /// The numbers that INT8 keys and values share, before any of them is packed: the offset of all
    /// keys, and a scale for each channel of the values.
    ///
    /// The offset, the mean of every 16th key, is subtracted from all keys before they are
    /// quantised. Softmax does not depend on a term that all scores of a query share, so any offset
    /// is correct. With this one the channels of a key are similar in size, so that one scale fits
    /// them all (Zhang et al. 2024, arXiv:2410.02367).
    func prepare(_ source: Source) {
        let offset = keyMemory + keyOffsets.offset
        offset.update(repeating: 0, count: size)
        let share = 1 / Float((tokens + 15) / 16)
        for token in stride(from: 0, to: tokens, by: 16) {
            let key = source.keys + token * source.ld
            for channel in 0..<size { offset[channel] += share * key[channel] }
        }
        let largest = valueMemory + valueOffsets.scales
        largest.update(repeating: 0, count: size)
        backend.kernels.f32_column_magnitudes(tokens, size, source.values, source.ld, largest)
        for channel in 0..<size { largest[channel] /= 127 }
    }

    /// Packs the keys and values of the tokens `range`; all but the last range end at a multiple of
    /// `backend.panelColumns`.
    func pack(_ range: Range<Int>, of source: Source) {
        let keys = source.keys + range.lowerBound * source.ld
        let values = source.values + range.lowerBound * source.ld
        guard form == .int8 else {
            backend.pack(
                keyLayout, 0..<size, range, from: keys, innerStride: 1, columnStride: source.ld,
                into: keyMemory)
            backend.pack(
                valueLayout, range, 0..<size, from: values, innerStride: source.ld,
                columnStride: 1, into: valueMemory)
            return
        }
        backend.kernels.qc8w_pack_rows(
            quantizedKeys, range.lowerBound, range.count, keys, source.ld,
            keyMemory + keyOffsets.offset, keyMemory + keyOffsets.scales + range.lowerBound)
        backend.kernels.qc8w_pack_scaled(
            quantizedValues, range.lowerBound, range.count, values, source.ld,
            valueMemory + valueOffsets.scales)
    }
}

/// The packed keys and values of all heads.
struct PackedHeads {
    private let form: AttentionTile.Form
    private let size: Int
    private let tokens: Int
    /// `[heads, floats of a head's keys]` and `[heads, floats of its values]`: two tensors, because
    /// they fit into smaller gaps of the pool than one.
    private let keys: Tensor
    private let values: Tensor
    private let backend: Backend

    init(
        _ heads: Int, _ form: AttentionTile.Form, size: Int, tokens: Int, on backend: Backend
    ) {
        self.form = form
        self.size = size
        self.tokens = tokens
        self.backend = backend
        let floats = PackedHead.floats(form, size: size, tokens: tokens, on: backend)
        keys = backend.tensor(Shape(heads, floats.keys))
        values = backend.tensor(Shape(heads, floats.values))
    }

    subscript(_ head: Int) -> PackedHead {
        PackedHead(
            form, size: size, tokens: tokens, keysIn: keys.pointer + head * keys.shape[1],
            valuesIn: values.pointer + head * values.shape[1], on: backend)
    }
}
