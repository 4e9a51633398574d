// Tensors and their memory pool.

import Tensor
import TestSupport
import Testing

@Suite struct TensorTests {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 1)
    }

    private func address(_ tensor: Tensor) -> UInt { UInt(bitPattern: tensor.pointer) }

    @Test func memoryOfAReleasedTensorIsReused() {
        var first: Tensor? = backend.tensor([20, 50])
        let place = first.map(address)
        first = nil
        // A slightly smaller tensor fits into the same block.
        let second = backend.tensor([990])
        #expect(address(second) == place)
    }

    @Test func tensorsTakeTheSmallestRoomThatIsLeft() {
        var tensors: [Tensor?] = [10_000, 16, 5_000, 16].map { backend.tensor([$0]) }
        let places = tensors.map { $0.map(address) }
        (tensors[0], tensors[2]) = (nil, nil)
        let small = backend.tensor([4_000])
        #expect(address(small) == places[2])
        let large = backend.tensor([10_000])
        #expect(address(large) == places[0])
    }

    @Test func neighboursThatAreFreeMakeRoomForALargerTensor() {
        var tensors: [Tensor?] = [16, 5_008, 5_008, 5_008, 16].map { backend.tensor([$0]) }
        let place = tensors[1].map(address)
        for index in [2, 1, 3] { tensors[index] = nil }
        #expect(address(backend.tensor([15_000])) == place)
    }

    @Test func copiesShareTheirMemoryAndKeepIt() {
        var original: Tensor? = backend.tensor([2, 3], [1, 2, 3, 4, 5, 6])
        let view = original?.reshaped([3, 2])
        original = nil
        let other = backend.tensor([2, 3], Array(repeating: 7, count: 6))
        #expect(view?.floats == [1, 2, 3, 4, 5, 6])
        #expect(view?.shape == [3, 2])
        #expect(other.floats == Array(repeating: 7, count: 6))
    }

    @Test func livingTensorsNeverOverlap() {
        var living: [Tensor] = []
        var numbers = SplitMix64(seed: 5)
        for round in 0..<400 {
            // Some tensors are freed, so that later ones come from the pool.
            if round % 3 == 2 { living.remove(at: (round * 7) % living.count) }
            living.append(backend.tensor([1 + Int(abs(numbers.float()) * 300)]))
            #expect(address(living[living.count - 1]) % 64 == 0)
        }
        let ranges = living.map { address($0)..<address($0) + UInt($0.count) * 4 }
            .sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(ranges, ranges.dropFirst()) {
            #expect(one.upperBound <= next.lowerBound)
        }
    }

    @Test func tensorsWithoutElementsExist() {
        let empty = backend.tensor([3, 0])
        #expect(empty.count == 0)
        #expect(empty.floats.isEmpty)
    }

    @Test func zerosAreZeroInUsedMemory() {
        for _ in 0..<3 {
            let used = backend.tensor([64], Array(repeating: 5, count: 64))
            #expect(used.floats[63] == 5)
        }
        #expect(backend.zeros([64]).floats == Array(repeating: 0, count: 64))
    }

    @Test func tensorsOutliveTheirBackend() throws {
        var other: Backend? = try Backend(threads: 2)
        let tensor = other?.tensor([3], [1, 2, 3])
        other = nil
        #expect(tensor?.floats == [1, 2, 3])
    }
}
