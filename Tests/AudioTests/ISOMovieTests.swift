import Audio
import Foundation
import System
import TestSupport
import Testing

/// Movies of a few boxes, built here byte by byte.
struct ISOMovieTests {
    private let folder = TemporaryFolder()

    // MARK: - Building

    private static func box(_ type: String, _ content: [UInt8]..., long: Bool = false) -> [UInt8] {
        let content = content.flatMap { $0 }
        let head = long ? number(1, 4) + type.utf8 : number(8 + content.count, 4) + type.utf8
        return head + (long ? number(16 + content.count, 8) : []) + content
    }

    private static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// A track whose chunks have these offsets.
    private static func track(flags: Int, chunks: [Int], width: Int = 4) -> [UInt8] {
        let table =
            number(0, 4) + number(chunks.count, 4) + chunks.flatMap { number($0, width) }
        let stbl = box("stbl", box(width == 4 ? "stco" : "co64", table))
        return box(
            "trak", box("tkhd", number(flags, 4), number(7, 4)), box("mdia", box("minf", stbl)))
    }

    private static let ftyp = box("ftyp", Array("isom".utf8), number(512, 4))
    private static let mdat = box("mdat", Array("the media data".utf8))

    // MARK: - Running

    private func withMovie<Value>(
        _ bytes: [UInt8], _ body: (inout ISOMovie) throws -> Value
    ) throws -> Value {
        let path = try folder.write(Data(bytes), "movie")
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var movie = try ISOMovie(file.fileDescriptor, countBytes: bytes.count)
        return try body(&movie)
    }

    private func copy(
        _ bytes: [UInt8], _ change: (inout ISOMovie) -> Void = { _ in }
    ) throws -> [UInt8] {
        try withMovie(bytes) { movie in
            change(&movie)
            var copy: [UInt8] = []
            try movie.copy { copy += $0 }
            return copy
        }
    }

    private func failure(_ bytes: [UInt8]) -> ISOBoxError? {
        do {
            _ = try copy(bytes)
            return nil
        } catch {
            return error as? ISOBoxError
        }
    }

    // MARK: - Tests

    @Test
    func unchangedMovieIsCopiedByteForByte() throws {
        let moov = Self.box(
            "moov", Self.track(flags: 3, chunks: [24]), Self.box("udta", Self.box("meta", [1, 2])))
        for bytes in [
            Self.ftyp + Self.mdat + moov, Self.ftyp + moov + Self.mdat,
            Self.box("mdat", [9, 9], long: true) + moov,
        ] {
            #expect(try copy(bytes) == bytes)
        }
    }

    @Test
    func userDataIsAddedBehindTheMediaData() throws {
        let track = Self.track(flags: 3, chunks: [24])
        let meta = Self.box("udta", Self.box("meta", [1, 2]))
        let stem = Self.box("stem", Array("{}".utf8))
        for (before, after) in [
            (Self.box("moov", track), Self.box("moov", track, Self.box("udta", stem))),
            (
                Self.box("moov", track, meta),
                Self.box("moov", track, Self.box("udta", Self.box("meta", [1, 2]), stem))
            ),
            // An existing box is replaced, and the zeros at the end of QuickTime's user data are
            // dropped.
            (
                Self.box("moov", Self.box("udta", Self.box("stem", [0, 0]), Self.number(0, 4))),
                Self.box("moov", Self.box("udta", stem))
            ),
        ] {
            let start = Self.ftyp + Self.mdat
            #expect(
                try copy(start + before) { $0.setUserData("stem", Array("{}".utf8)) }
                    == start + after)
        }
    }

    @Test
    func userDataIsReadBack() throws {
        let moov = Self.box("moov", Self.box("udta", Self.box("stem", Array("{}".utf8))))
        #expect(try withMovie(moov) { $0.userData("stem") } == Array("{}".utf8))
        #expect(try withMovie(moov) { $0.userData("meta") } == nil)
    }

    @Test(arguments: [4, 8])
    func chunkOffsetsFollowTheMediaDataAlone(width: Int) throws {
        // The file begins with media data, which keep their offset.
        let size = Self.box("moov", Self.track(flags: 3, chunks: [0, 0], width: width)).count
        let end = Self.mdat.count + size
        func file(_ chunk: Int, _ stem: [UInt8]) -> [UInt8] {
            Self.mdat
                + Self.box("moov", Self.track(flags: 3, chunks: [8, chunk], width: width), stem)
                + Self.mdat
        }
        let stem = Self.box("udta", Self.box("stem", [1, 2, 3]))
        #expect(
            try copy(file(end + 8, [])) { $0.setUserData("stem", [1, 2, 3]) }
                == file(end + 8 + stem.count, stem))
    }

    @Test
    func offsetThatDoesNotFitIsAnError() throws {
        let moov = Self.box("moov", Self.track(flags: 3, chunks: [Int(UInt32.max)]))
        #expect(throws: ISOBoxError.offsetTooLarge) {
            try copy(moov + Self.mdat) { $0.setUserData("stem", [1]) }
        }
    }

    @Test
    func onlyTheFirstTrackIsEnabled() throws {
        func file(_ flags: [Int]) -> [UInt8] {
            Self.mdat
                + Self.box("moov", flags.map { Self.track(flags: $0, chunks: [8]) }.flatMap { $0 })
        }
        // Other flags, and the version before them, stay.
        #expect(
            try copy(file([0x0100_0006, 3, 7])) { $0.enableFirstTrackOnly() }
                == file([0x0100_0007, 2, 6]))
    }

    @Test
    func impossibleSizesAreErrors() {
        let moov = Self.box("moov", Self.track(flags: 3, chunks: [8]))
        let tooLong = Self.number(100, 4) + Array("mdat".utf8)
        #expect(
            failure(moov + tooLong)
                == .truncated(type: "mdat", neededBytes: 100, foundBytes: tooLong.count))
        // A size below that of the header would be read in an endless loop.
        for size in 2..<8 {
            let loop = Self.number(size, 4) + Array("free".utf8)
            let error = ISOBoxError.truncated(type: "free", neededBytes: 8, foundBytes: size)
            #expect(failure(loop + moov) == error)
            #expect(failure(Self.box("moov", loop)) == error)
        }
        let longLoop = Self.number(1, 4) + Array("free".utf8) + Self.number(15, 8)
        #expect(
            failure(longLoop + moov)
                == .truncated(type: "free", neededBytes: 16, foundBytes: 15))
        let huge = Self.number(1, 4) + Array("free".utf8) + [UInt8](repeating: 255, count: 8)
        #expect(
            failure(Self.box("moov", huge))
                == .truncated(type: "free", neededBytes: .max, foundBytes: 16))
        #expect(failure([]) == .wrongCount(type: "moov", found: 0))
        #expect(failure(moov + moov) == .wrongCount(type: "moov", found: 2))
        #expect(
            failure([UInt8](repeating: 0, count: 7))
                == .truncated(type: "", neededBytes: 8, foundBytes: 7))
        // A size of 0 means up to the end.
        #expect(failure(moov + Self.number(0, 4) + Array("mdatabc".utf8)) == nil)
    }

    @Test
    func boxesInBoxesEnd() {
        var deep = Self.box("moov", [])
        for _ in 0..<100 { deep = Self.box("moov", deep) }
        #expect(failure(deep) == .tooDeep(16))
    }

    @Test
    func manySmallBoxesAreRefused() {
        let boxes = (0..<10_001).flatMap { _ in Self.box("free", []) }
        #expect(failure(boxes) == .wrongCount(type: "moov", found: 10_001))
    }

    /// Files cut at every length, or with changed bytes, give an error or a copy, never a trap.
    @Test
    func damagedMoviesEnd() throws {
        let bytes =
            Self.ftyp
            + Self.box(
                "moov", Self.track(flags: 3, chunks: [300, 310]),
                Self.track(flags: 3, chunks: [320], width: 8),
                Self.box("udta", Self.box("stem", [1, 2])))
            + Self.mdat
        let lastCut = bytes.count - Self.mdat.count
        for count in bytes.indices {
            // Only a cut between two boxes leaves a whole file.
            #expect((failure(Array(bytes[..<count])) == nil) == (count == lastCut))
        }
        var random = SplitMix64(seed: 18)
        var copies = 0
        for _ in 0..<3_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: damaged.indices, using: &random)
                damaged[place] = [0, 1, 8, 16, 127, 255].randomElement(using: &random) ?? 0
            }
            do {
                let copy = try copy(damaged) {
                    $0.setUserData("stem", [3])
                    $0.enableFirstTrackOnly()
                }
                #expect(copy.count <= damaged.count + 32)
                copies += 1
            } catch is ISOBoxError {}
        }
        #expect(copies > 100)
    }
}
