// Damaged files of every format; `fuzz-readers` runs more of them.

import TestSupport
import Testing
import WeightsLoader

struct ReaderFuzzTests {
    /// Seconds of work; `Tests/system/all readers` has more rounds. No time limit: it would count the
    /// wait for a free thread too.
    @Test(arguments: ReaderFuzz.all)
    func damagedFilesNeitherCrashNorHang(reader: ReaderFuzz) throws {
        let outcome = try reader.run(rounds: 300, seed: 20_221_115)
        // Flipped bits in values and names leave a valid file.
        #expect(outcome.opened > 0 && outcome.refused > 0)
    }
}
