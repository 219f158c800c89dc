-- One rewrite of the inventory table, by Spark. Equality-deleted rows go only where every file with a
-- delete is picked, hence the threshold of one; the rest is Iceberg's own judgement.
CALL ice.system.rewrite_data_files(
  table => '${namespace}.inventory',
  options => map('delete-file-threshold', '1', 'remove-dangling-deletes', 'true')
);
