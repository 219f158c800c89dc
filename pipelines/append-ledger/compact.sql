-- One rewrite of the inventory table, by Spark: small files into large ones. There are no deletes.
CALL ice.system.rewrite_data_files(table => '${namespace}.inventory');
