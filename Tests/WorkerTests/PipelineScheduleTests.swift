import Testing
import Worker

@Suite struct PipelineScheduleTests {
    static let stageCounts = [1, 2, 3, 4, 5, 8]

    private func schedules(stages: Int, microBatches: Int) -> [[PipelinePhase]] {
        (0..<stages).map {
            PipelineSchedule.oneForwardOneBackward(stage: $0, stages: stages, microBatches: microBatches)
        }
    }

    @Test(arguments: stageCounts, 0...12)
    func everyMicroBatchGoesForwardOnceThenBackwardOnce(stages: Int, microBatches: Int) {
        let each = Array(0..<microBatches)
        for phases in schedules(stages: stages, microBatches: microBatches) {
            #expect(phases.compactMap { if case .forward(let i) = $0 { i } else { nil } } == each)
            #expect(phases.compactMap { if case .backward(let i) = $0 { i } else { nil } } == each)
            for i in each {
                let forward = phases.firstIndex(of: .forward(i)), backward = phases.firstIndex(of: .backward(i))
                #expect(forward ?? .max < backward ?? 0)
            }
        }
    }

    /// Activations live in `inFlight` slots, a micro-batch in slot number i mod `inFlight`: never two in one.
    @Test(arguments: stageCounts, 0...12)
    func microBatchesInFlightHaveSlotsOfTheirOwn(stages: Int, microBatches: Int) {
        for (stage, phases) in schedules(stages: stages, microBatches: microBatches).enumerated() {
            let slots = PipelineSchedule.inFlight(stage: stage, stages: stages, microBatches: microBatches)
            var held = Set<Int>()
            var most = 0
            for phase in phases {
                switch phase {
                case .forward(let i): #expect(held.insert(i % slots).inserted, "micro-batch \(i) on stage \(stage)")
                case .backward(let i): #expect(held.remove(i % slots) != nil)
                }
                most = max(most, held.count)
            }
            #expect(held.isEmpty)
            #expect(most == (microBatches == 0 ? 0 : slots), "no slot is made in vain")
            #expect(slots <= max(1, stages - stage))
        }
    }

    /// All stages at once: receives block, activations are sent ahead freely, and a gradient is sent only once the one
    /// before it has been received, as large messages make it.
    @Test(arguments: stageCounts, 0...12)
    func allStagesComeToTheEnd(stages: Int, microBatches: Int) {
        let schedules = schedules(stages: stages, microBatches: microBatches)
        var next = [Int](repeating: 0, count: stages)
        /// Micro-batches whose forward (or backward) pass the stage has done.
        var forwards = next, backwards = next
        var moved = true
        while moved {
            moved = false
            for stage in 0..<stages where next[stage] < schedules[stage].count {
                switch schedules[stage][next[stage]] {
                case .forward(let i):
                    guard stage == 0 || forwards[stage - 1] > i else { continue }
                    forwards[stage] += 1
                case .backward(let i):
                    guard stage == stages - 1 || backwards[stage + 1] > i else { continue }
                    // The stage before takes gradient i - 1 in its own backward pass of i - 1.
                    guard stage == 0 || i == 0 || backwards[stage - 1] >= i else { continue }
                    backwards[stage] += 1
                }
                next[stage] += 1
                moved = true
            }
        }
        #expect(next == schedules.map(\.count), "stages wait for each other")
    }

    @Test func theOrderIsOneForwardOneBackward() {
        #expect(
            PipelineSchedule.oneForwardOneBackward(stage: 0, stages: 3, microBatches: 4) == [
                .forward(0), .forward(1), .forward(2), .backward(0), .forward(3), .backward(1), .backward(2), .backward(3),
            ])
        #expect(
            PipelineSchedule.oneForwardOneBackward(stage: 2, stages: 3, microBatches: 2) == [
                .forward(0), .backward(0), .forward(1), .backward(1),
            ])
    }
}
