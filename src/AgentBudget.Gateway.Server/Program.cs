using AgentBudget.Gateway.Server;

return await new ServerCommand(model => ServerProcess.RunAsync(model, Console.Out, Console.Error))
    .InvokeAsync(args, Console.Error);
