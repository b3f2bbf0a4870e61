using AgentBudget.Rpc.Wire;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc;

/// <summary>The services of a server, each complete: every method of a proto service has its handler.</summary>
public sealed class RpcServices
{
    private readonly List<RpcMethod> _methods = [];
    private readonly List<ServiceDescriptor> _services = [];

    /// <summary>Every method that is served, in the order of its declaration.</summary>
    public IReadOnlyList<RpcMethod> Methods => _methods;

    /// <summary>The services, in the order in which they were added.</summary>
    internal IReadOnlyList<ServiceDescriptor> Services => _services;

    /// <summary>Adds a service of a proto.</summary>
    /// <param name="service">The generated descriptor, such as <c>SomeReflection.Descriptor.Services[0]</c>.</param>
    /// <param name="register">Registers one handler for each of its methods.</param>
    /// <exception cref="InvalidOperationException">Names the method that has no handler, is not in the proto, has other
    /// types or another kind, or is there twice.</exception>
    public RpcServices Add(ServiceDescriptor service, Action<RpcServiceBuilder> register)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(register);
        foreach (ServiceDescriptor added in _services)
        {
            if (added.FullName == service.FullName)
                throw new InvalidOperationException($"The service {service.FullName} is registered twice.");
        }

        RpcServiceBuilder builder = new(service);
        register(builder);
        _methods.AddRange(builder.Build());
        _services.Add(service);
        return this;
    }

    /// <summary>
    /// Says that requests carry a long text again and again, such as a token: requests of methods added before then
    /// share one string of it. It changes no meaning, only what a call costs.
    /// </summary>
    /// <param name="field">The name of the field: of type string, at the top of a request or of the messages that are
    /// fields of it.</param>
    public RpcServices ShareText(string field)
    {
        ArgumentException.ThrowIfNullOrEmpty(field);
        SharedTexts texts = new();
        foreach (RpcMethod method in _methods)
            method.SharedField = SharedField.Of(method.Descriptor.InputType, field, texts);
        return this;
    }
}
