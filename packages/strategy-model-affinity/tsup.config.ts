import { library } from "@fairlead/tsup-config";

export default library();
