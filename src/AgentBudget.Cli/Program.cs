using AgentBudget.Cli;

return await AgentBudgetCommand.RunAsync(args, Console.Out, Console.Error);
