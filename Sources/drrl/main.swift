import Foundation
import Toolbox

exit(ToolboxProgram.main())
