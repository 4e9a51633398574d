import Audio
import Evaluation
import Signal
import Testing

/// The scores of whole signals, and their statistics.
struct EnergyRatioTests {
    private func buffer(_ channels: [Float]...) -> PlanarAudio {
        PlanarAudio(channels: channels, sampleRateHz: 8000)
    }

    @Test(arguments: ScoredTrack.names)
    func sdrIsThatOfTheReferencesEvaluation(_ name: String) throws {
        let track = try ScoredTrack(name)
        for (index, stem) in track.stems.enumerated() {
            let sdr = EnergyRatios.sdr(
                reference: track.references[index], estimate: track.estimates[index])
            let golden = try track.golden("sdr.\(stem)")
            // Both sides sum in double precision, in different orders.
            #expect(abs(sdr - golden[0]) < 1e-9)
        }
    }

    @Test(arguments: ScoredTrack.names)
    func scaleInvariantSDRIsThatOfTorchmetrics(_ name: String) throws {
        let track = try ScoredTrack(name)
        for (index, stem) in track.stems.enumerated() {
            let sdr = EnergyRatios.scaleInvariantSDR(
                reference: track.references[index], estimate: track.estimates[index])
            guard track.hasGolden("si-sdr.\(stem)") else {
                #expect(sdr.isNaN)
                continue
            }
            let golden = try track.golden("si-sdr.\(stem)")
            // torchmetrics adds 2.2e-16 to every energy.
            #expect(abs(sdr - golden[0]) < 1e-6)
        }
    }

    @Test func silentEstimateOfASilentStemHasZeroDecibels() {
        let silence = buffer([0, 0, 0])
        #expect(EnergyRatios.sdr(reference: silence, estimate: silence) == 0)
        #expect(EnergyRatios.scaleInvariantSDR(reference: silence, estimate: silence).isNaN)
        #expect(EnergyRatios.snr(of: silence, against: silence) == .infinity)
    }

    @Test func aStemItselfHasNoNoise() {
        let reference = buffer([1, -2, 3, 0.5], [0, 1, 1, 0])
        #expect(
            EnergyRatios.scaleInvariantSDR(reference: reference, estimate: reference) == .infinity)
    }

    @Test func snrTakesTheOtherSignalForTheTruth() {
        #expect(EnergyRatios.snr(of: buffer([9]), against: buffer([10])) == 20)
        #expect(EnergyRatios.snr(of: buffer([1]), against: buffer([0])) == -.infinity)
    }

    @Test func medianPassesOverWhatIsNoNumber() {
        #expect(median([3, .nan, 1]) == 2)
        #expect(median([3, 1, 2]) == 2)
        #expect(median([.infinity, 1, .infinity]) == .infinity)
        #expect(median([.nan]).isNaN)
        #expect(median([]).isNaN)
    }
}
