import Foundation
import Toolbox

exit(ToolboxProgram.main(Array(CommandLine.arguments.dropFirst())))
