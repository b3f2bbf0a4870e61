using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;

return await new SiloCommand(model => SiloProcess.RunAsync(model, Console.Out, Console.Error))
    .InvokeAsync(args, Console.Error);
