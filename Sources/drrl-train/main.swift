import Foundation
import Trainer

exit(TrainProgram.main(Array(CommandLine.arguments.dropFirst())))
