import Foundation
import Trainer

exit(TrainProgram.main())
