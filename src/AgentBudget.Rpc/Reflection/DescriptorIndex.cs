using Google.Protobuf.Reflection;
using Grpc.Reflection.V1;

namespace AgentBudget.Rpc.Reflection;

/// <summary>What the services of a server consist of, by file and by full name. Immutable.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _symbols = new(StringComparer.Ordinal);

    internal DescriptorIndex(IReadOnlyList<ServiceDescriptor> services)
    {
        Services = new ListServiceResponse();
        foreach (ServiceDescriptor service in services)
        {
            Services.Service.Add(new ServiceResponse { Name = service.FullName });
            AddFile(service.File);
        }
    }

    /// <summary>The services in the order in which they were added.</summary>
    internal ListServiceResponse Services { get; }

    /// <summary>The file of this name and all that it imports; null when there is none.</summary>
    internal FileDescriptorResponse? FindFile(string name) =>
        _files.TryGetValue(name, out FileDescriptor? file) ? ResponseOf(file) : null;

    /// <summary>The file that declares this full name and all that it imports; null when there is none.</summary>
    internal FileDescriptorResponse? FindSymbol(string name) =>
        _symbols.TryGetValue(name, out FileDescriptor? file) ? ResponseOf(file) : null;

    private static FileDescriptorResponse ResponseOf(FileDescriptor file)
    {
        FileDescriptorResponse response = new();
        HashSet<string> names = [];
        AddWithImports(file);
        return response;

        void AddWithImports(FileDescriptor next)
        {
            if (!names.Add(next.Name))
                return;
            response.FileDescriptorProto.Add(next.SerializedData);
            foreach (FileDescriptor import in next.Dependencies)
                AddWithImports(import);
        }
    }

    private void AddFile(FileDescriptor file)
    {
        if (!_files.TryAdd(file.Name, file))
            return;
        foreach (FileDescriptor import in file.Dependencies)
            AddFile(import);
        foreach (ServiceDescriptor service in file.Services)
        {
            _symbols[service.FullName] = file;
            foreach (MethodDescriptor method in service.Methods)
                _symbols[method.FullName] = file;
        }

        foreach (MessageDescriptor message in file.MessageTypes)
            AddMessage(message);
        foreach (EnumDescriptor type in file.EnumTypes)
            AddEnum(type);
    }

    private void AddMessage(MessageDescriptor message)
    {
        _symbols[message.FullName] = message.File;
        foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
            _symbols[field.FullName] = message.File;
        foreach (MessageDescriptor nested in message.NestedTypes)
            AddMessage(nested);
        foreach (EnumDescriptor type in message.EnumTypes)
            AddEnum(type);
    }

    private void AddEnum(EnumDescriptor type)
    {
        _symbols[type.FullName] = type.File;
        foreach (EnumValueDescriptor value in type.Values)
            _symbols[value.FullName] = type.File;
    }
}
