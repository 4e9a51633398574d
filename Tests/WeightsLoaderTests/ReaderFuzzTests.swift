// Damaged files of every format; `fuzz-readers` runs more of them.

import TestSupport
import Testing
import WeightsLoader

struct ReaderFuzzTests {
    // A second or two of work each. No time limit: it would count the wait for a free thread too.
    @Test(arguments: ReaderFuzz.all)
    func damagedFilesNeitherCrashNorHang(reader: ReaderFuzz) throws {
        // A large file.
        let rounds = reader.fixture == "formats/half.onnx" ? 300 : 2000
        let outcome = try reader.run(rounds: rounds, seed: 20_221_115)
        // Flipped bits in values and names leave a valid file.
        #expect(outcome.opened > 0 && outcome.refused > 0)
    }
}
