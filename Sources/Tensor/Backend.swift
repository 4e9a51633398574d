// Also Embedded Swift: typed throws, no key paths, no casts.
// Threads, memory pools, matrix products and kernels for the layers. All access to them goes
// through `Backend`, so that a layer contains only its mathematics.

import CKernels
import Synchronization
import System

/// Threads, pooled storage, matrix products and the kernels of this CPU.
package final class Backend: Sendable {
    /// Threads that share each parallel loop, the caller's own included.
    package let threads: Int

    /// The elementwise and normalisation kernels, each with its contract in kernel_families.h. In
    /// bfloat16 and INT8, GELU and the gates are the coarse ones.
    package let kernels: kernel_table

    /// The precision of the model's products.
    package let precision: Precision

    let products: GEMMBackend
    private let instructions: InstructionSet
    private let threadPool: ThreadPool
    /// Once it is cancelled, loops leave out what they have not begun.
    private let cancellation: CancellationToken?
    private let storagePool: StoragePool
    /// Pool of the tensors that outlive a pass (inputs, results, tables). In the pool of
    /// activations they would split the free memory that large activations need.
    private let keptPool: StoragePool
    private let scratch: ScratchSpace
    /// Whether loops do nothing, see ``dry()``.
    package let isDry: Bool

    /// Only one backend at a time reads and sets environment variables: OpenBLAS can miss its own
    /// variable if another thread sets one meanwhile, and would run with slower kernels.
    private static let environment = Mutex<Void>(())

    /// - Parameter threads: at least 1; less counts as 1. Fewer run if the system refuses to start
    ///   more threads.
    /// - Throws: ``BackendError`` if BLAS is needed and can't be loaded, or if the environment forces
    ///   kernels that this CPU cannot run.
    package convenience init(
        threads: Int, precision: Precision = .float32
    ) throws(BackendError) {
        let (instructions, products) = try Self.environment.withLock { _ throws(BackendError) in
            let instructions = try InstructionSet.selected()
            return (instructions, try GEMMBackend.selected(for: instructions))
        }
        self.init(threads: threads, precision, instructions, products)
    }

    /// A backend on given kernels; the environment is ignored.
    ///
    /// OpenBLAS takes the core of the first backend that opens it.
    ///
    /// - Throws: ``BackendError`` if `kind` is BLAS and it can't be loaded.
    package convenience init(
        threads: Int, precision: Precision = .float32, instructions: InstructionSet,
        products kind: GEMMBackend.Kind
    ) throws(BackendError) {
        let products = try Self.environment.withLock { _ throws(BackendError) in
            try GEMMBackend.of(kind, for: instructions)
        }
        self.init(threads: threads, precision, instructions, products)
    }

    private init(
        threads: Int, _ precision: Precision, _ instructions: InstructionSet,
        _ products: GEMMBackend
    ) {
        self.precision = precision
        self.instructions = instructions
        self.products = products
        var kernels = instructions.kernels
        if precision != .float32 {
            kernels.f32_affine_gelu = kernels.coarse_affine_gelu
            kernels.f32_affine_glu = kernels.coarse_affine_glu
            kernels.f32_affine_glu_add = kernels.coarse_affine_glu_add
        }
        self.kernels = kernels
        threadPool = ThreadPool(threads: threads)
        self.threads = threadPool.threads
        cancellation = nil
        storagePool = StoragePool()
        keptPool = StoragePool()
        scratch = ScratchSpace(threads: threadPool.threads)
        isDry = false
    }

    /// A backend with the threads of another one.
    ///
    /// - Parameter dry: whether it has memory of its own, and its loops do nothing.
    private init(_ other: Backend, until cancellation: CancellationToken?, dry: Bool = false) {
        threads = other.threads
        kernels = other.kernels
        precision = other.precision
        products = other.products
        instructions = other.instructions
        threadPool = other.threadPool
        self.cancellation = cancellation
        isDry = dry || other.isDry
        storagePool = dry ? StoragePool(isReal: false) : other.storagePool
        keptPool = dry ? StoragePool(isReal: false) : other.keptPool
        scratch = dry ? ScratchSpace(threads: threads, isReal: false) : other.scratch
    }

    /// This backend, with its threads and memory, for work that ends within a tile once a token is
    /// cancelled: the results are undefined then, and the caller has to check the token.
    package func until(_ cancellation: CancellationToken?) -> Backend {
        cancellation.map { Backend(self, until: $0) } ?? self
    }

    /// A backend for a pass that takes the memory of a real one, but computes nothing and touches no
    /// page, to find ``peakBytes``.
    package func dry() -> Backend { Backend(self, until: nil, dry: true) }

    /// Most memory that tensors and scratch memory had at once, gaps between them included.
    package var peakBytes: Int {
        (storagePool.peakFloats + keptPool.peakFloats + scratch.peakFloats)
            * MemoryLayout<Float>.stride
    }

    /// Makes sure that there is memory for a pass that took as much as that of a dry backend; false if the
    /// system refuses.
    package func reserve(like dry: Backend) -> Bool {
        storagePool.reserve(dry.storagePool.peakFloats) && keptPool.reserve(dry.keptPool.peakFloats)
            && scratch.pool.reserve(dry.scratch.peakFloats)
    }

    /// The kernels in use (`avx512bf16`, `avx2`, `neondot`, `plain` and so on).
    package var instructionSet: String { instructions.name }

    /// The precision in which products of floats are the fastest on this CPU.
    package var fastestFloatPrecision: Precision {
        instructions.multipliesBFloat16 ? .bfloat16 : .float32
    }

    /// Whether INT8 is at least 1.3 times as fast as the precisions of floats.
    package var int8IsMuchFaster: Bool { instructions.int8IsMuchFaster }

    /// The precision of products without INT8 weights: those of attention, and of the layers that
    /// stay in floats. For an INT8 model it is the fastest one: rounding to bfloat16 only costs
    /// time on a CPU that does not multiply bfloat16.
    package var precisionOfFloats: Precision {
        precision == .int8 ? fastestFloatPrecision : precision
    }

    /// Whether products of INT8 weights without INT8 activations have activations of 14 bits, where
    /// ``precisionOfFloats`` is float32.
    package var quantizesTo14Bits: Bool { precision == .int8 && instructions.multiplies14Bits }

    /// Whether 3 × 3 convolutions with INT8 weights widen them at load, for Winograd's algorithm in
    /// float32.
    package var widensSquareKernels: Bool { precision == .int8 && instructions.winogradBeatsInt8 }

    /// The code that computes matrix products: a BLAS and its core, like `OpenBLAS SkylakeX`, or
    /// `packed` for our own kernels.
    package var productsDescription: String { products.description }

    /// An uninitialised tensor from the pool.
    package func tensor(_ shape: Shape) -> Tensor {
        Tensor(shape: shape, storage: storagePool.allocate(shape.elements))
    }

    /// A tensor that holds a copy of `values`.
    package func tensor(_ shape: some Collection<Int>, _ values: [Float]) -> Tensor {
        copied(values, to: tensor(Shape(shape)))
    }

    /// An uninitialised tensor that outlives a pass: an input, a result, a table.
    package func keptTensor(_ shape: Shape) -> Tensor {
        Tensor(shape: shape, storage: keptPool.allocate(shape.elements))
    }

    /// A tensor that outlives a pass and holds a copy of `values`.
    package func keptTensor(_ shape: Shape, _ values: [Float]) -> Tensor {
        copied(values, to: keptTensor(shape))
    }

    private func copied(_ values: [Float], to tensor: Tensor) -> Tensor {
        precondition(tensor.count == values.count)
        if isDry { return tensor }
        withExtendedLifetime(tensor) {
            tensor.pointer.update(from: values, count: values.count)
        }
        return tensor
    }

    /// A tensor of zeros.
    package func zeros(_ shape: Shape) -> Tensor {
        let result = tensor(shape)
        if isDry { return result }
        withExtendedLifetime(result) {
            result.pointer.update(repeating: 0, count: result.count)
        }
        return result
    }

    /// Runs `body(0) … body(count - 1)`, each exactly once, on all threads of the pool, unless
    /// ``until(_:)`` ends it.
    ///
    /// The result of a body may depend on its index alone, never on the thread or the number of
    /// threads. A body must not start a loop of its own.
    package func parallelFor(_ count: Int, _ body: (_ index: Int) -> Void) {
        if isDry { return }
        threadPool.run(count, until: cancellation) { index, _ in body(index) }
    }

    /// Runs `body(index, scratch)` like ``parallelFor(_:_:)``, with scratch memory of the running
    /// thread: `floats` elements, 64-byte aligned, with any content.
    package func parallelFor(
        _ count: Int, scratch floats: Int,
        _ body: (_ index: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
    ) {
        let blocks = scratch.reserve(floats)
        if isDry { return }
        threadPool.run(count, until: cancellation) { index, thread in
            body(index, blocks[thread].base)
        }
    }
}

/// One block of scratch memory for each thread, grown on demand and kept.
///
/// The blocks come from a pool of their own: in the pool of activations, a block that stays would
/// split the free memory.
private final class ScratchSpace: Sendable {
    private let blocks: Mutex<[Storage]>
    let pool: StoragePool
    private let threads: Int

    var peakFloats: Int { pool.peakFloats }

    init(threads: Int, isReal: Bool = true) {
        self.threads = threads
        pool = StoragePool(isReal: isReal)
        blocks = Mutex([])
    }

    func reserve(_ floats: Int) -> [Storage] {
        blocks.withLock { blocks in
            // Blocks from the pool differ in size, so each one has to be large enough.
            if blocks.isEmpty || blocks.contains(where: { $0.capacity < floats }) {
                blocks = []
                blocks = (0..<threads).map { _ in pool.allocate(floats) }
            }
            return blocks
        }
    }
}
