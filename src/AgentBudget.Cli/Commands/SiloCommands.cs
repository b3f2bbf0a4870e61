using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.SiloMember.Types.State;

namespace AgentBudget.Cli.Commands;

/// <summary>The processes of the service.</summary>
internal static class SiloCommands
{
    public static Command Make(CliHost host) => host.Handle(
        new Command("silos", "The silos of the cluster and what each does. For the operator's key."),
        async call =>
        {
            GetSilosResponse answer = await call.CallAsync(call.Client.Silos.GetSilosAsync, new GetSilosRequest());
            Grid grid = new(
                "address",
                "state",
                new GridColumn("host", IsOptional: true),
                "started",
                new GridColumn("alive", IsOptional: true),
                new GridColumn("answering", IsOptional: true));
            foreach (SiloMember silo in answer.Silos)
            {
                grid.Add(
                    silo.Address,
                    new GridCell(Texts.Name(silo.State), silo.State == State.Serving ? "green" : "yellow"),
                    silo.Host,
                    Texts.Time(silo.StartTime),
                    Texts.Time(silo.AliveTime),
                    silo.IsAnswering ? "this one" : "");
            }

            call.Output.Write(answer, grid);
            return ExitCodes.Ok;
        });
}
