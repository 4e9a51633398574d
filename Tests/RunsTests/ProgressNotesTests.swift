import Runs
import Testing

/// Lines about the progress of a long run.
struct ProgressNotesTests {
    @Test func aLineEachTenMinutesTellsWhatIsLeft() {
        var notes = ProgressNotes()
        func note(_ done: Int, of count: Int?, seconds: Double) -> String? {
            notes.next(
                done: done, of: count, separated: done - 5, seconds: seconds, timeOfDay: "14:32")
        }
        #expect(note(20, of: 2_000, seconds: 599) == nil)
        // Tracks that were done before tell nothing of the time.
        #expect(note(5, of: 2_000, seconds: 599) == nil && note(5, of: 2_000, seconds: 600) == nil)
        #expect(note(35, of: 2_000, seconds: 600) == "14:32: 35 of 2,000, about 11 h left")
        #expect(note(36, of: 2_000, seconds: 700) == nil)
        #expect(
            note(1_965, of: 2_000, seconds: 20_000) == "14:32: 1,965 of 2,000, about 6 min left")
        #expect(note(1_970, of: nil, seconds: 30_000) == "14:32: 1970 tracks")
    }

    /// Ten seconds a track.
    @Test(arguments: [
        (300, 999, "about 51 min"), (539, 1_000, "about 90 min"), (540, 1_001, "about 2 h"),
        (1_079, 100_000, "about 3 h"),
    ])
    func numbersAndTimesAreForReaders(_ left: Int, _ done: Int, _ time: String) {
        var notes = ProgressNotes()
        let note = notes.next(
            done: done, of: done + left, separated: 100, seconds: 1_000, timeOfDay: "14:32")
        let number = [999: "999", 1_000: "1,000", 1_001: "1,001", 100_000: "100,000"][done] ?? ""
        #expect(note?.hasPrefix("14:32: \(number) of ") == true, "\(note ?? "")")
        #expect(note?.hasSuffix("\(time) left") == true, "\(note ?? "")")
    }
}
