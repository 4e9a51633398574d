// Fuzzer of the checkpoint readers: runs them on damaged files.
//
//     swift run -c release fuzz-readers [rounds for each file, 10000] [seed, 1]
//     swift run -c release fuzz-readers rounds seed folder     (only writes the files, for another program)

import Foundation
import HTDemucs
import Networks
import TestSupport
import WeightsLoader

/// Peak resident memory of this process, in bytes.
func peakBytes() -> Int {
    // RUSAGE_SELF, whose type differs between Linux and Apple's platforms.
    let ownProcess: Int32 = 0
    var usage = rusage()
    getrusage(ownProcess, &usage)
    #if canImport(Darwin)
        return Int(usage.ru_maxrss)
    #else
        return Int(usage.ru_maxrss) * 1024
    #endif
}

let words = Array(CommandLine.arguments.dropFirst())
let numbers = words.prefix(2).map { Int($0) }
guard words.count <= 3, numbers.allSatisfy({ ($0 ?? -1) >= 0 }) else {
    print("usage: fuzz-readers [rounds for each file] [seed] [folder]")
    exit(2)
}
let rounds = (numbers.first ?? 10_000) ?? 10_000
let seed = (numbers.dropFirst().first ?? 1) ?? 1

if words.count == 3 {
    for reader in ReaderFuzz.all {
        try reader.write(
            rounds: rounds, seed: UInt64(seed), into: URL(fileURLWithPath: words[2]))
    }
    exit(0)
}

let before = peakBytes()
for reader in ReaderFuzz.all {
    do {
        let outcome = try reader.run(
            rounds: rounds, seed: UInt64(seed),
            also: { _ = try Configuration.read(from: $0) },
            isExpected: { $0 is WeightsError || $0 is ConfigurationError })
        print(
            "\(reader): \(rounds) files, \(outcome.opened) opened, \(outcome.refused) refused, the "
                + "slowest took \(Int(outcome.slowestSeconds * 1000)) ms; peak memory "
                + "\((peakBytes() - before) / 1_000_000) MB above the start")
    } catch {
        print("\(reader): an error of an unexpected kind: \(error)")
        exit(1)
    }
}
