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
}
