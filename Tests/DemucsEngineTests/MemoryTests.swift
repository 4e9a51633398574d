import DemucsEngine
import HTDemucs
import Networks
import System
import Tensor
import TestSupport
import Testing
import Tracks
import WeightsLoader

/// Passes that memory doesn't hold are refused before they begin.
struct MemoryTests {
    private let network: any SeparationNetwork
    private let shape: Shape = [2, 5_000]

    init() throws {
        network = try RawCheckpoint(fixture: "base").open().network(backend: Backend(threads: 1))
    }

    @Test func aPassThatDoesntFitIsRefusedInWords() throws {
        let needed = network.passBytes(shape)
        #expect(needed > 100_000)
        try MemoryCheck { needed }.check(network, 0, shape, passes: 1)
        try MemoryCheck { nil }.check(network, 0, shape, passes: 1)
        let error = #expect(throws: SeparationError.self) {
            try MemoryCheck { needed }.check(network, 0, shape, passes: 2)
        }
        #expect(error == .notEnoughMemory(neededBytes: 2 * needed, freeBytes: needed))
        #expect(error?.description.contains("are free. Use another model") == true)
    }

    @Test func lengthsThatFitAreNotCheckedAgain() throws {
        let check = MemoryCheck { [network, shape] in network.passBytes(shape) }
        for samples in [5_000, 4_000, 5_000] {
            try check.check(network, 0, [2, samples], passes: 1)
        }
        #expect(throws: SeparationError.self) {
            try check.check(network, 0, [2, 40_000], passes: 1)
        }
    }

    @Test func theSystemTellsWhatIsLeft() {
        #if os(Linux)
            #expect((availableMemoryBytes() ?? 0) > 1 << 20)
        #endif
    }
}
