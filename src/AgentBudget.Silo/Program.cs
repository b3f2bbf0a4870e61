using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Verify;

return await new SiloCommand(model => model.IsVerify
        ? VerifyProcess.RunAsync(model, Console.Out, Console.Error)
        : SiloProcess.RunAsync(model, Console.Out, Console.Error))
    .InvokeAsync(args, Console.Error);
