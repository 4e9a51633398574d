// Tempo, beats, bars and keys of tracks whose score is known.

import Analysis
import Signal
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// A track of clicks and chords, as its stems.
private struct Score {
    static let rateHz = 44_100
    static let sources = ["drums", "bass", "other", "vocals"]

    var beatsPerMinute = 104.0
    /// Seconds before the first beat.
    var lead = 0.35
    var beats = 48
    var beatsPerBar = 4
    /// Beats of each bar with a kick, counted from 0.
    var kicks: Set<Int> = []
    /// MIDI notes of a bar, bar after bar.
    var chords = [[48, 52, 55], [53, 57, 60], [55, 59, 62], [48, 52, 55]]
    var gain: Float = 0.5

    var times: [Double] { (0..<beats).map { lead + Double($0) * 60 / beatsPerMinute } }

    /// Times of the first beats of the bars.
    var bars: [Double] { stride(from: 0, to: beats, by: beatsPerBar).map { times[$0] } }

    /// `[source · channel][sample]`, one channel for each source.
    var stems: PlanarAudio {
        let count = Int((times.last! + 1) * Double(Score.rateHz))
        var rows = [[Float]](repeating: [Float](repeating: 0, count: count), count: 4)
        var random = SplitMix64(seed: 1)
        for (beat, time) in times.enumerated() {
            let start = Int(time * Double(Score.rateHz))
            for offset in 0..<2000 where start + offset < count {
                rows[0][start + offset] += gain * random.float() * exp(-Float(offset) / 300)
            }
            for offset in 0..<8000
            where kicks.contains(beat % beatsPerBar) && start + offset < count {
                let seconds = Float(offset) / Float(Score.rateHz)
                rows[0][start + offset] += gain * sin(2 * .pi * 60 * seconds) * exp(-20 * seconds)
            }
            let chord = chords[beat / beatsPerBar % chords.count]
            let end = beat + 1 < beats ? Int(times[beat + 1] * Double(Score.rateHz)) : count
            for sample in start..<min(end, count) {
                let seconds = Double(sample) / Double(Score.rateHz)
                for (index, note) in chord.enumerated() {
                    let hertz = 440 * pow(2, Double(note - 69) / 12)
                    let value = Float(sin(2 * .pi * hertz * seconds)) * gain / 6
                    rows[2][sample] += value
                    if index == 0 { rows[1][sample] += value }
                }
            }
        }
        return PlanarAudio(channels: rows, sampleRateHz: Score.rateHz)
    }

    /// The analysis of the stems, given in blocks of a length.
    func analysis(blockSamples: Int = 30_000) throws -> MusicAnalysis {
        let stems = stems
        let mixture = PlanarAudio(
            channels: [
                stems.channels[0].indices.map { sample in
                    stems.channels.reduce(0) { $0 + $1[sample] }
                }
            ], sampleRateHz: Score.rateHz)
        var statistics = TrackStatistics()
        statistics.add(mixture)
        var analyzer = MusicAnalyzer(
            sources: Score.sources, channelCount: 1, sampleRateHz: Score.rateHz,
            statistics: statistics, backend: try Backend(threads: 1))
        for first in stride(from: 0, to: stems.sampleCount, by: blockSamples) {
            let range = first..<min(first + blockSamples, stems.sampleCount)
            analyzer.append(StemBlock(stems: stems[range], mixture: mixture[range]))
        }
        return analyzer.finish()
    }
}

struct MusicAnalyzerTests {
    @Test(arguments: [72.0, 97.3, 120, 151])
    func tempoAndBeatsAreThoseOfTheClicks(beatsPerMinute: Double) throws {
        let score = Score(beatsPerMinute: beatsPerMinute)
        let analysis = try score.analysis()
        let tempo = try #require(analysis.beatsPerMinute)
        #expect(abs(tempo / beatsPerMinute - 1) < 0.01)
        for time in score.times {
            #expect(analysis.beats.contains { abs($0 - time) < 0.03 })
        }
        #expect(analysis.beats.count <= score.beats + 3)
    }

    /// Chords change on the first beat; in the third case only the kick tells it.
    @Test(
        arguments: [
            (4, [], 4), (4, [0, 2], 4), (4, [0], 1), (3, [], 4), (3, [0], 4), (3, [0], 1),
        ] as [(Int, Set<Int>, Int)])
    func barsBeginWithKicksAndNewChords(beatsPerBar: Int, kicks: Set<Int>, chords: Int) throws {
        var score = Score(beatsPerBar: beatsPerBar, kicks: kicks)
        score.chords = Array(score.chords.prefix(chords))
        let analysis = try score.analysis()
        #expect(analysis.metre == "\(beatsPerBar)/4")
        for time in score.bars {
            #expect(analysis.downbeats.contains { abs($0 - time) < 0.03 })
        }
        #expect(analysis.downbeats.count <= score.bars.count + 1)
        #expect(try #require(analysis.downbeatConfidence) > 0.5)
    }

    @Test func withoutAccentsBarsHaveFourBeatsAndLittleConfidence() throws {
        var score = Score()
        score.chords = [[48, 52, 55]]
        for kicks in [[], [0, 2]] as [Set<Int>] {
            score.kicks = kicks
            let analysis = try score.analysis()
            #expect(analysis.metre == "4/4")
            #expect(try #require(analysis.downbeatConfidence) < 0.3)
        }
    }

    @Test(arguments: 0..<12)
    func keysAreFoundInEveryTransposition(semitones: Int) throws {
        let major = [[48, 52, 55], [53, 57, 60], [55, 59, 62], [48, 52, 55]]
        let minor = [[48, 51, 55], [53, 56, 60], [55, 59, 62], [48, 51, 55]]
        let majorNames = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
        let minorNames = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"]
        for (chords, isMinor) in [(major, false), (minor, true)] {
            var score = Score(beats: 16)
            score.chords = chords.map { $0.map { $0 + semitones } }
            let key = try #require(try score.analysis().key)
            #expect(key.tonic == semitones && key.isMinor == isMinor, "\(key)")
            let name = (isMinor ? minorNames : majorNames)[semitones]
            #expect("\(key)" == "\(name) \(isMinor ? "minor" : "major")")
        }
    }

    @Test func blocksAndLoudnessDoNotMatter() throws {
        let expected = try Score().analysis()
        #expect(try Score().analysis(blockSamples: 1_000_003) == expected)
        #expect(try Score().analysis(blockSamples: 777) == expected)
        let quiet = try Score(gain: 0.005).analysis()
        #expect(quiet.beats == expected.beats && quiet.key == expected.key)
    }

    @Test func silenceHasNeitherTempoNorKey() throws {
        let analysis = try Score(gain: 0).analysis()
        #expect(analysis.beatsPerMinute == nil && analysis.key == nil)
        #expect(analysis.beats.isEmpty && analysis.downbeats.isEmpty && analysis.metre == nil)
    }

    @Test func anExcerptOfThreeSecondsHasNoTempo() throws {
        let analysis = try Score(beatsPerMinute: 120, beats: 4).analysis()
        #expect(analysis.beatsPerMinute == nil && analysis.beats.isEmpty)
        #expect(analysis.key?.description == "C major")
    }
}

struct FrameSpectraTests {
    @Test func framesHaveTheMagnitudesOfTheirSine() throws {
        // Frequency of bin 40; a Hann window passes half of the amplitude, and a bin has half of it.
        let samples = (0..<20_000).map { Float(sin(2 * .pi * 40 * Double($0) / 1024)) }
        var spectra = FrameSpectra(
            frameSamples: 1024, hopSamples: 256, backend: try Backend(threads: 1))
        let frames = spectra.append(samples) + spectra.finish()
        #expect(frames.count == 20_000 / 256 + 1)
        for frame in frames[4..<frames.count - 4] {
            #expect(abs(frame[40] - 256) < 0.01)
            #expect(abs(frame[39] - 128) < 0.01 && abs(frame[41] - 128) < 0.01)
            #expect(frame[43] < 0.01)
        }
    }
}
