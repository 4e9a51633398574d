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
    private let memory: UnsafeMutablePointer<Float>
    private let backend: Backend

    /// - Parameter memory: `floats` elements, 64-byte aligned.
    init(
        _ form: AttentionTile.Form, size: Int, tokens: Int, in memory: UnsafeMutablePointer<Float>,
        on backend: Backend
    ) {
        self.form = form
        self.size = size
        self.tokens = tokens
        self.memory = memory
        self.backend = backend
    }

    /// Memory of a head, in floats: a multiple of 16, so that the next head's is aligned too.
    static func floats(
        _ form: AttentionTile.Form, size: Int, tokens: Int, on backend: Backend
    ) -> Int {
        PackedHead(form, size: size, tokens: tokens, in: noMemory, on: backend).offsets.end
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

    /// The first float of each part of the memory.
    private var offsets: (values: Int, keyScales: Int, valueScales: Int, keyOffset: Int, end: Int) {
        func next(_ offset: Int, _ floats: Int) -> Int { (offset + floats + 15) / 16 * 16 }
        guard form == .int8 else {
            let values = next(0, backend.packedFloats(keyLayout))
            let end = next(values, backend.packedFloats(valueLayout))
            return (values, end, end, end, end)
        }
        let values = next(0, backend.packedInt8Floats(inner: size, columns: tokens))
        let keyScales = next(values, backend.packedInt8Floats(inner: tokens, columns: size))
        let valueScales = next(keyScales, tokens)
        let keyOffset = next(valueScales, size)
        return (values, keyScales, valueScales, keyOffset, next(keyOffset, size))
    }

    private var quantizedKeys: packed_matrix {
        packed_matrix(bytes: memory, inner: size, columns: tokens)
    }

    private var quantizedValues: packed_matrix {
        packed_matrix(bytes: memory + offsets.values, inner: tokens, columns: size)
    }

    var keys: PackedOperand {
        form == .int8
            ? .quantized(quantizedKeys, scales: memory + offsets.keyScales)
            : .floats(memory, keyLayout)
    }

    var values: PackedOperand {
        form == .int8
            ? .quantized(quantizedValues, scales: memory + offsets.valueScales)
            : .floats(memory + offsets.values, valueLayout)
    }

    /// The numbers that INT8 keys and values share, before any of them is packed: the offset of all
    /// keys, and a scale for each channel of the values.
    ///
    /// The offset, the mean of every 16th key, is subtracted from all keys before they are
    /// quantised. Softmax does not depend on a term that all scores of a query share, so any offset
    /// is correct. With this one the channels of a key are similar in size, so that one scale fits
    /// them all (Zhang et al. 2024, arXiv:2410.02367).
    func prepare(_ source: Source) {
        let offset = memory + offsets.keyOffset
        offset.update(repeating: 0, count: size)
        let share = 1 / Float((tokens + 15) / 16)
        for token in stride(from: 0, to: tokens, by: 16) {
            let key = source.keys + token * source.ld
            for channel in 0..<size { offset[channel] += share * key[channel] }
        }
        let largest = memory + offsets.valueScales
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
                into: memory)
            backend.pack(
                valueLayout, range, 0..<size, from: values, innerStride: source.ld,
                columnStride: 1, into: memory + offsets.values)
            return
        }
        backend.kernels.qc8w_pack_rows(
            quantizedKeys, range.lowerBound, range.count, keys, source.ld,
            memory + offsets.keyOffset, memory + offsets.keyScales + range.lowerBound)
        backend.kernels.qc8w_pack_scaled(
            quantizedValues, range.lowerBound, range.count, values, source.ld,
            memory + offsets.valueScales)
    }
}

/// The packed keys and values of all heads.
struct PackedHeads {
    private let form: AttentionTile.Form
    private let size: Int
    private let tokens: Int
    /// `[heads, floats of a head]`
    private let memory: Tensor
    private let backend: Backend

    init(
        _ heads: Int, _ form: AttentionTile.Form, size: Int, tokens: Int, on backend: Backend
    ) {
        self.form = form
        self.size = size
        self.tokens = tokens
        self.backend = backend
        memory = backend.tensor(
            Shape(heads, PackedHead.floats(form, size: size, tokens: tokens, on: backend)))
    }

    subscript(_ head: Int) -> PackedHead {
        PackedHead(
            form, size: size, tokens: tokens, in: memory.pointer + head * memory.shape[1],
            on: backend)
    }
}
